"""Contributions of words to the class of a sentence."""
