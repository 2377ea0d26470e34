# Every target is an aqua task: `make up-dev` is `npx aqua up-dev`. Options go into ARGS: make logs ARGS='user --follow'.
.DEFAULT_GOAL := help
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

%: FORCE
	@npx aqua $@ $(ARGS)

FORCE: ;
Makefile: ;
