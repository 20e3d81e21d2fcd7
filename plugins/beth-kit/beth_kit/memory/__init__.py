"""What a role remembers from task to task: notes, kept by SQLite on its volume or by the journal."""
