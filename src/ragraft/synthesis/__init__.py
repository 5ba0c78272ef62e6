"""Examples made from documents: drafted by rule or by a model, checked, reviewed by people."""
