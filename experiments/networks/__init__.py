"""Networks of the experiments: training, checkpoints, evaluation."""
