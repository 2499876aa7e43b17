"""Run all benchmarks, one after the other, each in a process of its own."""

import subprocess
import sys

for name in ("planes", "readings", "scaling", "mixture", "ellipse", "training", "encoding", "onnx_encoding"):
    subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=True)
