"""Beth's standard team in one package: what it requires is the team, what it holds is the demo."""
