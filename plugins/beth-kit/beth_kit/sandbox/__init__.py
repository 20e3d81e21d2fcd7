"""The sandbox around every tool process: a model's commands are hostile until proven otherwise.

`policy.Policy` says what a task's tools may touch, `probe.require` whether this machine can hold them to it,
`owner.prepare` makes their folders, `run.run` runs a program. It needs no privilege, and works in a container without
capabilities. What holds, and what does it:

| what | by | how exactly |
| --- | --- | --- |
| files | Landlock | own clone and scratch written, the system read, nothing else opened, made, moved or removed |
| /proc, ptrace, signals | Landlock, seccomp | nothing outside; signals among one user's need ABI 6 |
| TCP | Landlock | by port, not by address; seccomp closes MPTCP, Fast Open, listening without bind |
| UDP, UNIX sockets, others | seccomp | no sockets but TCP's, and UDP's with the grant; stream socketpair works |
| processor | supervisor, RLIMIT_CPU | all processes together, looked at ten times a second |
| memory | control group, RLIMIT_DATA, supervisor | all at once; without a group ten times a second, a process at once |
| processes | control group, RLIMIT_NPROC, supervisor | at once; without a group not for root: ten times a second |
| disk | RLIMIT_FSIZE, supervisor | a file at once; all, deleted ones too, once a second: for so long, more |
| time | `run`'s clock | everything is killed |
| afterwards | supervisor | every descendant dies, whatever it did; so they do when the agent is killed |

What is refused is told: `run.Outcome.denials`. The supervisor sees system calls that the filter refuses, TCP, signals,
links and truncating; for other files there is only what the programs say (`denial.Denial.by`).

What Landlock cannot restrict: whether a file exists and how large it is can be seen anywhere; modes and times of files
of the same user can be changed. Where Beth runs as root each task has a user of its own, which closes the latter.
With network `open` and no ports listed, loopback is open too.
"""
