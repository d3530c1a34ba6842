"""One object's way in: decode, default, admit, patch, validate, store. No HTTP."""
