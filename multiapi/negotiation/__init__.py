"""How a chat is put to a provider that lacks something: tools, JSON answers, stop words; and what is asked instead after a refusal."""
