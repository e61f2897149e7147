"""Devices and precision, through accelerate."""

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from physics_data.core.errors import ConfigError
from worldsim.config import HardwareConfig


def build_accelerator(hardware: HardwareConfig) -> Accelerator:
    """Return the device and precision of a run.

    Raises:
        ConfigError: the device is not there.
    """
    if hardware.device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("hardware.device is 'cuda' and torch finds no CUDA device; write --set hardware.device=auto.")
    if hardware.threads:
        torch.set_num_threads(hardware.threads)
    AcceleratorState._reset_state(reset_partial_state=True)  # a process may train several stages in a row
    mixed = "no" if hardware.precision == "fp32" else hardware.precision
    return Accelerator(cpu=hardware.device == "cpu", mixed_precision=mixed)
