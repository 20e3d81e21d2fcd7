"""The demo of `make run` and `make recover`: what it shows is so, and what it says follows from what happened."""
