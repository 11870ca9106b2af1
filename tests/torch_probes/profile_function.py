"""Which of torch's and the program's functions a profile function sees, and cProfile counts; threads are watched too."""

# listed: calls of ours by name

import cProfile
import os
import pstats
import sys
import threading
from collections import Counter

import torch

torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
optimizer = torch.optim.Adam(net.parameters())
seen = Counter()


def step():
    optimizer.zero_grad()
    net(torch.ones(2, 3)).pow(2).mean().backward()
    optimizer.step()


def note(frame, event, argument):
    file = frame.f_code.co_filename
    if event == "call" and "gradtrace" not in file:
        seen[os.path.basename(file), frame.f_code.co_name] += 1


step()
for _ in range(5):
    seen.clear()
    sys.setprofile(note)
    step()
    sys.setprofile(None)
    print(sys.getprofile(), sorted(seen.items()))
threading.setprofile(note)
seen.clear()
thread = threading.Thread(target=step)
thread.start()
thread.join()
threading.setprofile(None)
print(sorted(seen.items()))
profile = cProfile.Profile()
profile.runcall(step)
stats = pstats.Stats(profile).stats
mine = {(os.path.basename(file), name): calls[1] for (file, _, name), calls in stats.items() if file.endswith(".py")}
print(sorted((where, n) for where, n in mine.items() if "gradtrace" not in where[0]))
