"""Numbers too small for their normal form, which some processors multiply many times slower than others."""

import torch


def flush() -> None:
    """Take them for zero from here on; to be called before torch starts its threads, which inherit the setting.

    The tails of Gaussians are such numbers: where they are kept, a training step of SchNet takes 4 times as long on an
    Intel Xeon, one of CGCNN 4 to 7 times, and a comparison with them tells of the processor and not of the model.
    """
    torch.set_flush_denormal(True)
