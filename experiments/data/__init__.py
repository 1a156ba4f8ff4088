"""External data: the catalogue of data sets, and verified fetching and reading of their files."""
