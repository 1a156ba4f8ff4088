"""What the scripts of the pipeline share: configuration, job surroundings, files, tables."""
