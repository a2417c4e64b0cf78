# a2_helpers.py, changed by me: reshape instead of view, and no plots when I work over ssh
import torch


def hello_helper():
    print("Hello from a2_helpers.py! (changed)")


def get_toy_data(num_inputs=5, input_size=4, hidden_size=10, num_classes=3, dtype=torch.float32, device='cpu'):
    raise SystemExit('use mine')
