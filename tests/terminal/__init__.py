"""`beth` at a terminal: what somebody sees who sits at one."""
