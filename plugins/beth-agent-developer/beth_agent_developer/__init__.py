"""The developer: builds what is asked for, together with its tests, and puts right what was found."""
