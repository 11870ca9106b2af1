"""Deep Q-learning on a small grid, with nothing but torch: replay, a target network, an epsilon-greedy player.

What it teaches
    The value of an action is learned from the reward plus the discounted value of the best next action.
    That target comes from a second network under `torch.no_grad()`: no gradient may flow into it.
    `gather` picks the value of the action that was taken, so only that output gets a gradient.

Try
    gradtrace explain examples/q_learning.py
    gradtrace render examples/q_learning.py --passes 1 -o q.svg
"""

import random
from collections import deque
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

SIZE = 4
GOAL = SIZE * SIZE - 1
PIT = 5
MOVES = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}
DISCOUNT = 0.9
BATCH = 32
MAX_MOVES = 30


class Transition(NamedTuple):
    """One move: where, what, what it paid, where to, and whether the game was over."""

    state: int
    action: int
    reward: float
    next_state: int
    is_over: bool


def play(state: int, action: int) -> Transition:
    """Move on the grid; walls stop, the pit costs 1, the goal pays 1, and every move costs a little."""
    row, column = divmod(state, SIZE)
    down, right = list(MOVES.values())[action]
    row = min(max(row + down, 0), SIZE - 1)
    column = min(max(column + right, 0), SIZE - 1)
    next_state = row * SIZE + column
    reward = {GOAL: 1.0, PIT: -1.0}.get(next_state, -0.02)
    return Transition(state, action, reward, next_state, next_state in (GOAL, PIT))


def one_hot(states: list[int]) -> torch.Tensor:
    """Code each state as a row with a single 1."""
    return F.one_hot(torch.tensor(states), SIZE * SIZE).float()


def make_network() -> nn.Sequential:
    """Map a coded state to the value of each move."""
    return nn.Sequential(nn.Linear(SIZE * SIZE, 32), nn.ReLU(), nn.Linear(32, len(MOVES)))


def best_action(network: nn.Module, state: int) -> int:
    """Choose the move that the network values most."""
    with torch.no_grad():
        return int(network(one_hot([state])).argmax(dim=1).item())


def learn(online: nn.Module, target: nn.Module, optimizer: torch.optim.Optimizer, batch: list[Transition]) -> float:
    """One step towards reward + discounted best next value; returns the loss."""
    columns = Transition(*map(list, zip(*batch, strict=True)))
    values = online(one_hot(columns.state))
    actions = torch.tensor(columns.action).unsqueeze(1)
    taken = values.gather(1, actions).squeeze(1)
    with torch.no_grad():
        best_next = target(one_hot(columns.next_state)).max(dim=1).values
        goes_on = 1.0 - torch.tensor(columns.is_over).float()
        wanted = torch.tensor(columns.reward) + DISCOUNT * goes_on * best_next
    loss = F.smooth_l1_loss(taken, wanted)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def main() -> None:
    """Play, learn, and show the path that the trained player takes."""
    random.seed(0)
    torch.manual_seed(0)
    online, target = make_network(), make_network()
    target.load_state_dict(online.state_dict())
    optimizer = torch.optim.Adam(online.parameters(), lr=0.01)
    replay: deque[Transition] = deque(maxlen=1000)

    for episode in range(60):
        epsilon = max(0.1, 1.0 - episode / 30)
        state = 0
        for _ in range(MAX_MOVES):
            explore = random.random() < epsilon
            action = random.randrange(len(MOVES)) if explore else best_action(online, state)
            transition = play(state, action)
            replay.append(transition)
            state = transition.next_state
            if len(replay) >= BATCH:
                learn(online, target, optimizer, random.sample(replay, BATCH))
            if transition.is_over:
                break
        if episode % 5 == 4:
            target.load_state_dict(online.state_dict())

    state, path = 0, []
    while state not in (GOAL, PIT) and len(path) < MAX_MOVES:
        action = best_action(online, state)
        path.append(list(MOVES)[action])
        state = play(state, action).next_state
    where = {GOAL: "the goal", PIT: "the pit"}.get(state, "nowhere")
    print(f"the trained player reaches {where} in {len(path)} moves: {', '.join(path)}")


if __name__ == "__main__":
    main()
