"""What a process does that trains for its parent: it is given a job, takes part, and ends with its parent."""

import json
import os
import sys
import threading
from pathlib import Path

import torch

from zpoints.config import AutoencoderSettings, TrainingSettings
from zpoints.errors import ZPointsError, one_line
from zpoints.images.store import ImageStore
from zpoints.models.autoencoder.together import joined
from zpoints.system.budget import Budget, within
from zpoints.system.device import Device
from zpoints.system.place import Place
from zpoints.system.stopping import StoppedError

__all__ = ["helper"]


def helper() -> None:
    """The main function of a process that trains for its parent: the job comes as a line of JSON."""
    job = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from zpoints.models.autoencoder.training import train_part

    said = ""
    try:
        store = ImageStore.open(Path(job["images"]))
        autoencoder = AutoencoderSettings.model_validate(job["autoencoder"])
        training = TrainingSettings.model_validate(job["training"])
        place = Place(**job["place"])
        device = Device.of(training)
        torch.set_num_threads(job["threads"])
        print("ready", flush=True)
        with within(Budget(job["ram"], "--ram", job["vram"])), joined(place, device, job["port"]) as ranks:
            train_part(store, Path(job["out"]), autoencoder, training, job["seed"], ranks)
    except (StoppedError, KeyboardInterrupt):
        pass
    except ZPointsError as error:
        said = str(error)
    except Exception as error:
        said = f"{type(error).__name__}: {one_line(str(error))[:300]}"
    print(said, flush=True)
    os._exit(1 if said else 0)  # without waiting for threads that wait for other processes


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)
