"""Beth, the orchestrator: from a request to finished work, event-sourced on the journal."""
