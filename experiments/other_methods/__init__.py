"""Methods of attribution that the papers discuss and the library does not have.

They have the signature of the library's methods, and are registered in `experiments.methods`.
"""
