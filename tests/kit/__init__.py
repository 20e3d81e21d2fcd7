"""What agents with a model promise when their workers are killed: real processes, a real sandbox, a model by HTTP."""
