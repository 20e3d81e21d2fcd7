"""The transcript `demo`: what each role says and does for the request of `make run`, in a YAML file each."""
