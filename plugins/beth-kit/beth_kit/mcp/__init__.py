"""MCP servers as tools of an agent: in the task's sandbox, held to what they said of themselves at first.

`config` says which servers there are, `Servers` has their tools. A server of the user's or the manifest's is a program
that reads what it is given by a model, and whose answers a model reads: both sides are doubted.

| a server that | gets |
| --- | --- |
| runs as a program (stdio) | a fresh process per task in the task's sandbox, without network unless its entry says so |
| has something to do between two calls | stopped until the next |
| is reached by URL | what a tool call says; it never sees the work tree |
| describes a tool otherwise than when the task began | this tool refused, to the end of the task |
| describes itself otherwise than when it was first used | no use, until the user deletes its entry from the pin file |
| hangs, dies, floods | an error for the model; started anew at the next call, three times a task |
| asks for the user, a model | refused; for the roots: the work tree |
"""
