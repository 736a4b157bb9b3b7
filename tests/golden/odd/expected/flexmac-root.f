// The files of flexmac.f for tools that run in another folder: set FLEXMAC_ROOT to this one, then
//   iverilog -g2005 -c DIR/flexmac-root.f    verilator -f DIR/flexmac-root.f
// Without a variable: verilator -F DIR/flexmac.f, and for yosys, which reads no lists,
//   yosys -p "read_verilog $(sed 's|^|DIR/|' DIR/flexmac.f | xargs)"
$(FLEXMAC_ROOT)/rtl/flexmac_accumulate.v
$(FLEXMAC_ROOT)/rtl/flexmac_adder.v
$(FLEXMAC_ROOT)/rtl/flexmac_adder_segment.v
$(FLEXMAC_ROOT)/rtl/flexmac_counter.v
$(FLEXMAC_ROOT)/rtl/flexmac_csa.v
$(FLEXMAC_ROOT)/rtl/flexmac_delay.v
$(FLEXMAC_ROOT)/rtl/flexmac_dot.v
$(FLEXMAC_ROOT)/rtl/flexmac_drain.v
$(FLEXMAC_ROOT)/rtl/flexmac_fifo.v
$(FLEXMAC_ROOT)/rtl/flexmac_lfsr.v
$(FLEXMAC_ROOT)/rtl/flexmac_mode.v
$(FLEXMAC_ROOT)/rtl/flexmac_pe.v
$(FLEXMAC_ROOT)/rtl/flexmac_pipe.v
$(FLEXMAC_ROOT)/rtl/flexmac_requant.v
$(FLEXMAC_ROOT)/rtl/flexmac_results.v
$(FLEXMAC_ROOT)/rtl/flexmac_saturate.v
$(FLEXMAC_ROOT)/rtl/flexmac_seq.v
$(FLEXMAC_ROOT)/rtl/flexmac_skew.v
$(FLEXMAC_ROOT)/rtl/flexmac_stats.v
$(FLEXMAC_ROOT)/rtl/flexmac_sum.v
$(FLEXMAC_ROOT)/rtl/flexmac_column.v
$(FLEXMAC_ROOT)/rtl/flexmac_array.v
$(FLEXMAC_ROOT)/rtl/flexmac_core.v
$(FLEXMAC_ROOT)/rtl/flexmac_axil.v
$(FLEXMAC_ROOT)/rtl/flexmac_bank.v
$(FLEXMAC_ROOT)/rtl/flexmac_check.v
$(FLEXMAC_ROOT)/rtl/flexmac_error.v
$(FLEXMAC_ROOT)/rtl/flexmac_issue.v
$(FLEXMAC_ROOT)/rtl/flexmac_load.v
$(FLEXMAC_ROOT)/rtl/flexmac_operand.v
$(FLEXMAC_ROOT)/rtl/flexmac_outlet.v
$(FLEXMAC_ROOT)/rtl/flexmac_packet.v
$(FLEXMAC_ROOT)/rtl/flexmac_queue.v
$(FLEXMAC_ROOT)/rtl/flexmac_skid.v
$(FLEXMAC_ROOT)/rtl/flexmac_regs.v
$(FLEXMAC_ROOT)/rtl/flexmac_padded.v
$(FLEXMAC_ROOT)/rtl/flexmac_top.v
