"""Functions of one or two inputs on which attribution methods disagree."""
