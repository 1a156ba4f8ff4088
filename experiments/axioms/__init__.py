"""The axioms of attribution, put to the test (Hesse et al. 2021, Table 1)."""
