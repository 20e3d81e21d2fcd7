"""The commands about requests, which `beth` finds by entry point."""
