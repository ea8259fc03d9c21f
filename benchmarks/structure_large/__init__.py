"""Band gaps of unseen formulas, the structure encoder trained on all of the large set."""
