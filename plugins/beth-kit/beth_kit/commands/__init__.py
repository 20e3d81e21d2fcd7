"""The commands about a request's work: show it, take it, bring it where it belongs. Imported when they are used."""
