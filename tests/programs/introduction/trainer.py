import torch
from torch import nn


class LinearRegression(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.linear = nn.Linear(n_in, n_out)
        self.register_buffer("running_mean", torch.zeros(1))
        self.scale = torch.ones(1)

    def forward(self, inputs):
        self.running_mean = 0.9 * self.running_mean + 0.1 * inputs.mean()
        hidden = self.linear(inputs)
        return hidden * self.scale


class Trainer:
    def __init__(self, model, lr=0.01):
        self.model = model
        self.optimizer = torch.optim.SGD(model.parameters(), lr=lr)
        self.loss_fn = nn.MSELoss()
        self.history = []

    def fit(self, data, target, epochs):
        for epoch in range(epochs):
            prediction = self.model(data)
            loss = self.loss_fn(prediction, target)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.history.append(loss.item())
        return self.evaluate(data, target)

    @torch.no_grad()
    def evaluate(self, data, target):
        output = self.model(data)
        error = (output - target).abs().mean()
        return error


model = LinearRegression(2, 1)
trainer = Trainer(model)
data = torch.randn(8, 2)
result = trainer.fit(data, torch.randn(8, 1), 3)
for name, param in model.named_parameters():
    print(name, param.grad)
