"""Double DQN with a dueling head, replay buffer, Huber loss and hard target updates."""

import random
from collections import deque, namedtuple

import torch
from torch import nn

Transition = namedtuple("Transition", "state action next_state reward")


class Dueling(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 24), nn.ReLU())
        self.value, self.advantage = nn.Linear(24, 1), nn.Linear(24, 3)

    def forward(self, x):
        h = self.body(x)
        a = self.advantage(h)
        return self.value(h) + a - a.mean(1, keepdim=True)


policy_net, target_net = Dueling(), Dueling()
target_net.load_state_dict(policy_net.state_dict())
target_net.eval()
optimizer = torch.optim.AdamW(policy_net.parameters(), lr=1e-3, amsgrad=True)
memory = deque([], maxlen=100)
steps_done = 0


def select_action(state):
    global steps_done
    steps_done += 1
    if random.random() > 0.5:
        with torch.no_grad():
            return policy_net(state).max(1).indices.view(1, 1)
    return torch.tensor([[random.randrange(3)]])


def optimize_model(batch_size=8):
    if len(memory) < batch_size:
        return None
    batch = Transition(*zip(*random.sample(memory, batch_size)))
    non_final_mask = torch.tensor([s is not None for s in batch.next_state], dtype=torch.bool)
    non_final = torch.cat([s for s in batch.next_state if s is not None])
    q = policy_net(torch.cat(batch.state)).gather(1, torch.cat(batch.action))
    next_values = torch.zeros(batch_size)
    with torch.no_grad():
        best = policy_net(non_final).argmax(1, keepdim=True)
        next_values[non_final_mask] = target_net(non_final).gather(1, best).squeeze(1)
    expected = next_values * 0.99 + torch.cat(batch.reward)
    loss = nn.SmoothL1Loss()(q, expected.unsqueeze(1))
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_value_(policy_net.parameters(), 100)
    optimizer.step()
    return loss.item()


random.seed(0)
torch.manual_seed(0)
for episode in range(3):
    state = torch.randn(1, 4)
    for t in range(8):
        action = select_action(state)
        next_state = None if t == 7 else torch.randn(1, 4)
        memory.append(Transition(state, action, next_state, torch.tensor([float(action.item())])))
        state = next_state
        loss = optimize_model()
        if steps_done % 5 == 0:
            target_net.load_state_dict(policy_net.state_dict())
    print("episode", episode, "loss", loss)
