"""FedAvg, FedProx and SCAFFOLD-like corrections: clients are copies, the server averages state dicts."""

import copy

import torch
import torch.nn.functional as F
from torch import nn


class Client:
    def __init__(self, seed):
        g = torch.Generator().manual_seed(seed)
        self.x, self.y = torch.randn(24, 5, generator=g) + seed, torch.randint(0, 3, (24,), generator=g)

    def update(self, model, epochs=2, mu=0.0, lr=0.05):
        reference = [p.detach().clone() for p in model.parameters()]
        model.train()
        optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.5)
        epoch_loss = []
        for _ in range(epochs):
            batch_loss = []
            for i in range(0, 24, 8):
                model.zero_grad()
                loss = F.cross_entropy(model(self.x[i : i + 8]), self.y[i : i + 8])
                if mu:
                    loss = loss + mu / 2 * sum((p - r).pow(2).sum() for p, r in zip(model.parameters(), reference))
                loss.backward()
                optimizer.step()
                batch_loss.append(loss.item())
            epoch_loss.append(sum(batch_loss) / len(batch_loss))
        return model.state_dict(), sum(epoch_loss) / len(epoch_loss)


def average_weights(w):
    w_avg = copy.deepcopy(w[0])
    for key in w_avg:
        for i in range(1, len(w)):
            w_avg[key] += w[i][key]
        w_avg[key] = torch.div(w_avg[key], len(w))
    return w_avg


torch.manual_seed(0)
global_model = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3))
clients, train_loss = [Client(i) for i in range(3)], []
for rnd in range(3):
    local_weights, local_losses = [], []
    for client in clients:
        w, loss = client.update(copy.deepcopy(global_model), mu=0.1 if rnd == 2 else 0.0)
        local_weights.append(copy.deepcopy(w))
        local_losses.append(copy.deepcopy(loss))
    global_model.load_state_dict(average_weights(local_weights))
    train_loss.append(sum(local_losses) / len(local_losses))
    print(f"round {rnd} loss {train_loss[-1]:.4f}")
