"""What the programs of a request's tasks need besides the system: packages, installed once for all of them."""
