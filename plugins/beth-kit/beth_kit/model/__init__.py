"""Language models behind one Protocol: real ones, scripted ones, recorded ones."""
