"""The models are made in `made_models`, from which tests can import too."""

from made_models import linear, onnx_folder, pictures, torch_folder

__all__ = ["linear", "onnx_folder", "pictures", "torch_folder"]
