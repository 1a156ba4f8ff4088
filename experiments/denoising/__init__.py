"""Denoisers with and without biases: the effective filter of an output pixel."""
