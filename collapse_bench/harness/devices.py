"""Which device a session computes on, without importing torch where there can't be a GPU."""

from __future__ import annotations

from pathlib import Path

__all__ = ["cuda_trouble", "has_driver", "resolve"]

# Made by NVIDIA's driver, by its Windows subsystem for Linux, and by AMD's.
DRIVERS = ("/proc/driver/nvidia/version", "/dev/dxg", "/dev/kfd")


def has_driver() -> bool:
    """Return whether this machine has a GPU's driver; without one torch can't see a device."""
    return any(Path(driver).exists() for driver in DRIVERS)


def cuda_trouble(device: str = "cuda") -> str | None:
    """Return why ``device``, ``"cuda"`` or ``"cuda:N"``, can't be used; None if it can."""
    if not has_driver():
        return "there is no CUDA device: this machine has no GPU driver"
    import torch

    if not torch.cuda.is_available():
        built = "" if torch.version.cuda or torch.version.hip else ", it was built without CUDA"
        return f"there is no CUDA device that torch {torch.__version__} can use{built}"
    _, _, index = device.partition(":")
    count = torch.cuda.device_count()
    if index and int(index) >= count:
        return f"there is no device {device}: torch sees {count}, numbered from 0"
    return None


def resolve(device: str) -> str:
    """Return the device that ``"auto"`` stands for here; any other as it is."""
    if device != "auto":
        return device
    return "cpu" if cuda_trouble() else "cuda"
