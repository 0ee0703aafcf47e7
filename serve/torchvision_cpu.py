"""Let torchvision's public build import beside a CPU build of torch.

That build's native library needs CUDA's, so its operators are never declared and its Python half, which registers
shapes for two of them, fails ("operator torchvision::nms does not exist"). transformers imports torchvision whenever
it is installed, and ms-swift's multi-modal code needs it. Declaring the two operators is enough: tensor transforms
work, `torchvision.ops.nms` and `torchvision.io` do not, and nothing of ours uses them.

`serve/model_environment.py` copies this file into the model environment beside a `.pth` file that imports it at every
start of Python; it does nothing until torchvision is first imported.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from importlib.metadata import version
from types import ModuleType

SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_declared: list[object] = []  # torch forgets a library's operators when its object is collected


class TorchvisionOnCpu:
    """Import finder that prepares torch just before torchvision is first imported, then steps aside."""

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return torchvision's own spec, after its missing operators are declared."""
        if name != "torchvision":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None:
            declare_operators()
        return spec


def declare_operators() -> None:
    """Declare the operators whose native code cannot load: a CUDA build of torchvision on a CPU build of torch."""
    import torch

    if torch.version.cuda is None and "+cpu" not in version("torchvision"):
        library = torch.library.Library("torchvision", "DEF")
        library.define(f"nms{SIGNATURE}")
        library.define(f"qnms{SIGNATURE}")
        _declared.append(library)


sys.meta_path.insert(0, TorchvisionOnCpu())
