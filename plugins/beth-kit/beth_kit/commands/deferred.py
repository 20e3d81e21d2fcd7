"""The commands by name, imported only when they are used, so that `beth --help` and completion stay quick."""

from beth_sdk.cli.group import Deferred

WORK = "Work"
_HERE = "beth_kit.commands"

show = Deferred(f"{_HERE}.show:show", "What was committed for a request, by role.", WORK)
diff = Deferred(f"{_HERE}.diff:diff", "What a request, or one task of it, changed.", WORK)
checkout = Deferred(f"{_HERE}.checkout:checkout", "Put a request's work into a new directory.", WORK)
merge = Deferred(f"{_HERE}.merge:merge", "Bring a request's work into your repository, as a branch.", WORK)
push = Deferred(f"{_HERE}.push:push", "Push a request's work to where it started from, or elsewhere.", WORK)
