"""A hostile model at the tools of a real worker: as root and as an ordinary user, with the sandbox and without."""
