import os

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
import transformers as T
from gradient_names import print_gradient_names
from torch import nn

torch.manual_seed(0)
small = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 2}
gpt2 = T.GPT2LMHeadModel(T.GPT2Config(n_layer=2, n_embd=16, n_head=2, vocab_size=50, n_positions=16))
llama = T.LlamaForCausalLM(T.LlamaConfig(**small, num_key_value_heads=1, vocab_size=50))
vit = T.ViTForImageClassification(T.ViTConfig(**small, image_size=16, patch_size=8, num_labels=3))
t5 = T.T5ForConditionalGeneration(T.T5Config(num_layers=2, d_model=16, d_ff=32, num_heads=2, d_kv=8, vocab_size=50, decoder_start_token_id=0))
mamba = T.MambaForCausalLM(T.MambaConfig(num_hidden_layers=2, hidden_size=16, state_size=4, vocab_size=50))
bert = T.BertForMaskedLM(T.BertConfig(**small, vocab_size=50))

ids = torch.randint(0, 50, (2, 6))
pixels = torch.randn(2, 3, 16, 16)
for model in (gpt2, llama, vit, t5, mamba, bert):
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    if model is vit:
        loss = model(pixel_values=pixels, labels=torch.tensor([0, 2])).loss
    else:
        loss = model(input_ids=ids, labels=ids).loss
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
del model, optimizer, loss
print_gradient_names(gpt2=gpt2, llama=llama, vit=vit, t5=t5, mamba=mamba, bert=bert)
