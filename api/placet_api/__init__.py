"""The doors: command line and Python face. A door translates, asks the engine once, and translates back."""
