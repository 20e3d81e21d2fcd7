"""What README and docs say is true: commands parse, paths exist, links resolve, snippets hold."""
