// The files of flexmac.f for tools that run in another folder: set FLEXMAC_ROOT to this one, then
//   iverilog -g2005 -c DIR/flexmac-root.f    verilator -f DIR/flexmac-root.f
// Without a variable: verilator -F DIR/flexmac.f, and for yosys, which reads no lists,
//   yosys -p "read_verilog $(sed 's|^|DIR/|' DIR/flexmac.f | xargs)"
$(FLEXMAC_ROOT)/rtl/flexmac_adder.v
$(FLEXMAC_ROOT)/rtl/flexmac_adder_segment.v
$(FLEXMAC_ROOT)/rtl/flexmac_counter.v
$(FLEXMAC_ROOT)/rtl/flexmac_csa.v
$(FLEXMAC_ROOT)/rtl/flexmac_delay.v
$(FLEXMAC_ROOT)/rtl/flexmac_dot.v
$(FLEXMAC_ROOT)/rtl/flexmac_drain.v
$(FLEXMAC_ROOT)/rtl/flexmac_float_add.v
$(FLEXMAC_ROOT)/rtl/flexmac_float_blocks.v
$(FLEXMAC_ROOT)/rtl/flexmac_float_chain.v
$(FLEXMAC_ROOT)/rtl/flexmac_float_decode.v
$(FLEXMAC_ROOT)/rtl/flexmac_float_edge.v
$(FLEXMAC_ROOT)/rtl/flexmac_float_mul.v
$(FLEXMAC_ROOT)/rtl/flexmac_float_pe.v
$(FLEXMAC_ROOT)/rtl/flexmac_float_scale.v
$(FLEXMAC_ROOT)/rtl/flexmac_float_seq.v
$(FLEXMAC_ROOT)/rtl/flexmac_float_tree.v
$(FLEXMAC_ROOT)/rtl/flexmac_lzc.v
$(FLEXMAC_ROOT)/rtl/flexmac_pipe.v
$(FLEXMAC_ROOT)/rtl/flexmac_stats.v
$(FLEXMAC_ROOT)/rtl/flexmac_column.v
$(FLEXMAC_ROOT)/rtl/flexmac_array.v
$(FLEXMAC_ROOT)/rtl/flexmac_core.v
