"""Band gaps of unseen formulas: the structure encoder beside its peers, trained on the same rows by the same loop."""
