"""Nets of a degree of homogeneity above one."""
