"""Where does a gradient of 30000 come from?"""

import numpy as np
import torch

scale = np.array([1.0, 2.0, 3.0])
x = torch.ones(3, dtype=torch.float64, requires_grad=True)
y = x * torch.from_numpy(scale)
scale *= 10000
y.sum().backward()
print(x.grad)
