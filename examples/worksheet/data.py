"""w was 2 when loss was computed. Why is its gradient not 2 * 2 = 4?"""

import torch

w = torch.tensor(2.0, requires_grad=True)
loss = w**2
w.data.fill_(100.0)
loss.backward()
print(w.grad)
