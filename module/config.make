# Appended to nginx's objs/Makefile: flags for our objects alone (nginx's own
# sources would not survive our warnings), and per-file header dependencies.

if test -n "$GH_DEPFILES"; then
    cat << END                                            >> $NGX_MAKEFILE

$NGX_OBJS/addon/%.o: CFLAGS += $GH_MODULE_CFLAGS -MMD -MP

-include \$(wildcard $NGX_OBJS/addon/*/*.d)

END
fi
